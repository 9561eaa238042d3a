import numpy as np
def held_out(n): return np.arange(n)%5==4
