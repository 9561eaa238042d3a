"""`python -m bench.mutation`."""

from bench.mutation.run import main

main()
