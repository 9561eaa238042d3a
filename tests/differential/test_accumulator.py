"""`Accumulator.sol` against sums of exact fractions."""

import random
from dataclasses import dataclass
from fractions import Fraction

import pytest

from tests.differential import binary32 as f32
from tests.differential.evm import Contract, deploy

PRODUCTS, TERMS, EACH_PRODUCT, EACH_TERM = range(4)


@pytest.fixture(scope="module")
def harness() -> Contract:
    """`Accumulator` behind a function that takes data and cases."""
    return deploy("AccumulatorHarness")


@dataclass
class Case:
    """A sum: `n` elements of each operand, from byte `a` and `b` of the data on, so many bytes apart."""

    how: int
    a: int
    stride_a: int
    b: int
    stride_b: int
    n: int
    divisor: int = 1


@dataclass
class Result:
    bits: int
    adding_gas: int
    finishing_gas: int


def run(harness: Contract, data: list[int], cases: list[Case]) -> list[Result]:
    """What the contract makes of `cases` over `data`, float32 bits."""
    packed = b"".join(bits.to_bytes(4, "big") for bits in data)
    packed += b"\xff" * (-len(packed) % 32)  # what lies behind the data must not matter: these are NaNs
    words = [len(packed) // 32, *(int.from_bytes(packed[i : i + 32], "big") for i in range(0, len(packed), 32))]
    for c in cases:
        words += [c.how, c.a, c.stride_a, c.b, c.stride_b, c.n, c.divisor]
    out = harness.map_words("sums(uint256[])", words)
    return [Result(*out[i : i + 3]) for i in range(0, len(out), 3)]


def expected(data: list[int], case: Case) -> int:
    """The same by the definition: DOT, SUM and MEAN of docs/canonical.md section 3."""
    products = case.how in (PRODUCTS, EACH_PRODUCT)
    total, infinities, divisor = Fraction(0), set(), case.divisor
    for k in range(case.n):
        x = f32.normalize(data[(case.a + k * case.stride_a) // 4])
        y = f32.normalize(data[(case.b + k * case.stride_b) // 4]) if products else 0x3F800000
        if f32.NAN in (x, y):
            return f32.NAN
        if f32.INFINITY in (x & 0x7FFFFFFF, y & 0x7FFFFFFF):
            if 0 in (x, y):
                return f32.NAN
            infinities.add((x ^ y) & f32.SIGN)
        else:
            total += f32.value(x) * f32.value(y)
    if divisor == 0 or len(infinities) == 2:
        return f32.NAN
    if infinities:
        return f32.INFINITY | infinities.pop()
    return f32.nearest(total / divisor)


def check(harness: Contract, data: list[int], cases: list[Case]) -> None:
    """Contract and definition agree on all `cases`."""
    for case, result in zip(cases, run(harness, data, cases), strict=True):
        assert result.bits == expected(data, case), case


def floats(rng: random.Random, n: int, kind: str) -> list[int]:
    """Bits of `n` float32s: any finite ones, of like size, mostly zero or subnormal, or with NaNs and infinities."""
    if kind == "any":
        return [b if (b := rng.getrandbits(32)) >> 23 & 255 < 255 else 0 for _ in range(n)]
    if kind == "near":
        return [rng.getrandbits(1) << 31 | rng.randrange(120, 131) << 23 | rng.getrandbits(23) for _ in range(n)]
    if kind == "tiny":
        return [rng.choice((0, f32.SIGN, 1, rng.getrandbits(23), f32.SIGN | rng.getrandbits(24))) for _ in range(n)]
    if kind == "short":
        return [rng.getrandbits(1) << 31 | rng.randrange(60, 190) << 23 | rng.getrandbits(3) << 20 for _ in range(n)]
    return [rng.choice(f32.SPECIALS) if rng.random() < 0.02 else rng.getrandbits(30) for _ in range(n)]


KINDS = ("any", "near", "tiny", "short", "special")


@pytest.mark.parametrize("kind", KINDS)
def test_a_sum_of_products_is_exact_and_rounded_once(harness: Contract, kind: str) -> None:
    """Every layer of every network is made of it."""
    rng = random.Random(kind)  # noqa: S311 (the same cases every time)
    data = floats(rng, 2_000, kind)
    cases = []
    for _ in range(1_500):
        n = rng.choice((0, 1, 2, 3, 7, 8, 9, 15, 16, 17, rng.randrange(60)))
        a, b = (4 * rng.randrange(len(data) - n) for _ in range(2))
        cases.append(Case(rng.choice((PRODUCTS, EACH_PRODUCT)), a, 4, b, 4, n))
    check(harness, data, cases)


def test_infinities_and_nans_decide_the_sum(harness: Contract) -> None:
    """0 · inf is NaN on either side, infinities of both signs are; nothing finite beside them matters."""
    rng = random.Random(4)  # noqa: S311
    pairs = [(x, y) for x in f32.SPECIALS for y in f32.SPECIALS]
    data = [bits for pair in pairs for bits in pair]
    cases = [Case(how, 8 * i, 4, 8 * i + 4, 4, 1) for i in range(len(pairs)) for how in (PRODUCTS, EACH_PRODUCT)]
    infinite = [pair for pair in pairs if not {f32.NAN, 0} & {f32.normalize(bits) for bits in pair}]
    for _ in range(1_000):
        n = rng.randrange(2, 18)
        some = [rng.choice(infinite) if rng.random() < 0.3 else tuple(floats(rng, 2, "short")) for _ in range(n)]
        cases.append(Case(PRODUCTS, 4 * len(data), 8, 4 * len(data) + 4, 8, n))
        data += [bits for pair in some for bits in pair]
    check(harness, data, cases)


def test_elements_may_lie_any_distance_apart(harness: Contract) -> None:
    """Views transpose, reverse, repeat and skip; a stride must not change which elements are added."""
    rng = random.Random(5)  # noqa: S311
    data = floats(rng, 1_000, "near") + floats(rng, 1_000, "special")
    cases = []
    for _ in range(3_000):
        n, ends = rng.randrange(30), []
        for _ in range(2):
            stride = 4 * rng.choice((0, 1, 1, -1, 2, -3, rng.randrange(-30, 31)))
            low = max(0, -stride) * max(n - 1, 0)
            high = 4 * len(data) - 4 - max(0, stride) * max(n - 1, 0)
            ends += [rng.randrange(low, high + 1) // 4 * 4, stride]
        cases.append(Case(rng.choice((PRODUCTS, TERMS)), *ends, n))
    check(harness, data, cases)


def test_what_cancels_leaves_the_rest(harness: Contract) -> None:
    """Sums that lose everything but a far smaller term are where floating point fails."""
    rng = random.Random(6)  # noqa: S311
    data, cases = [], []
    for _ in range(1_500):
        pairs = [tuple(floats(rng, 2, "any")) for _ in range(rng.randrange(1, 7))]
        pairs += [(x ^ f32.SIGN, y) for x, y in pairs] + [tuple(floats(rng, 2, rng.choice(("any", "tiny"))))]
        rng.shuffle(pairs)
        at, n = 4 * len(data), len(pairs)
        data += [x for x, _ in pairs] + [y for _, y in pairs]
        cases.append(Case(rng.choice((PRODUCTS, EACH_PRODUCT)), at, 4, at + 4 * n, 4, n))
    check(harness, data, cases)


def _power_of_two(k: int) -> tuple[int, int]:
    """Two float32s whose product is 2^k, for k from -298 to 254."""
    return f32.nearest(Fraction(2) ** (k // 2)), f32.nearest(Fraction(2) ** (k - k // 2))


def test_sums_at_the_middle_between_two_floats_round_to_even(harness: Contract) -> None:
    """A tie is a tie unless some term, however small, or what the division leaves over, breaks it."""
    rng = random.Random(7)  # noqa: S311
    one, data, cases = 0x3F800000, [], []
    for _ in range(3_000):
        x = rng.getrandbits(1) << 31 | rng.randrange(255) << 23 | rng.getrandbits(23)
        half = max(x >> 23 & 255, 1) - 151
        divisor = rng.choice((1, 1, 5, 6, 7))
        pairs = divisor * [(x, one), _power_of_two(half)]
        if rng.random() < 0.8:
            breaker, other = _power_of_two(rng.choice((-298, rng.randrange(-298, half))))
            pairs.append((rng.choice((0, f32.SIGN)) | breaker, other))
        rng.shuffle(pairs)
        at, n = 4 * len(data), len(pairs)
        data += [x for x, _ in pairs] + [y for _, y in pairs]
        cases.append(Case(rng.choice((PRODUCTS, EACH_PRODUCT)), at, 4, at + 4 * n, 4, n, divisor))
    check(harness, data, cases)


def test_the_ends_of_the_range(harness: Contract) -> None:
    """The smallest product is far below the smallest float, and the largest sum far above the largest."""
    one, least, most = 0x3F800000, 1, 0x7F7FFFFF
    data = [most] * 1_100 + [f32.SIGN | most] * 1_100 + [least] * 1_100 + [one, *_power_of_two(254)]
    big, negative, small, unit, power = 0, 4_400, 8_800, 13_200, 13_204
    cases = [
        Case(PRODUCTS, big, 4, big, 4, 1_100),
        Case(PRODUCTS, big, 4, negative, 4, 1_100),
        Case(PRODUCTS, small, 4, small, 4, 1_100),
        Case(PRODUCTS, big, 4, small, 4, 1_100),
        *(
            Case(PRODUCTS, power, 4, power + 4, 4, 1, d)
            for d in (1, 2**125, 2**126 - 1, 2**126, 2**127 + 1, 2**128 - 1)
        ),
        Case(PRODUCTS, big, 4, unit, 0, 1),
        Case(PRODUCTS, big, 4, unit, 0, 2),
        Case(TERMS, big, 4, 0, 0, 2_200),
        Case(TERMS, big, 4, 0, 0, 1_100, 1_100),
        Case(TERMS, big + 4, 4, 0, 0, 2_199, 7),
        Case(TERMS, small, 4, 0, 0, 1_100),
        Case(PRODUCTS, big, 0, small, 0, 2**14),
        *(Case(TERMS, small, 4, 0, 0, n, d) for n in range(6) for d in range(1, 12)),
    ]
    check(harness, data, cases)


def test_a_mean_is_divided_exactly(harness: Contract) -> None:
    """The division must not round before the end, and what it cuts off decides ties."""
    rng = random.Random(8)  # noqa: S311
    data = floats(rng, 1_000, "short") + floats(rng, 1_000, "special") + floats(rng, 1_000, "tiny")
    cases = []
    for _ in range(3_000):
        n = rng.randrange(1, 12)
        divisor = rng.choice((n, n, 0, 1, 2**20, 2**20 - 1, rng.randrange(1, 50)))
        cases.append(Case(TERMS, 4 * rng.randrange(len(data) - n), 4, 0, 0, n, divisor))
    check(harness, data, cases)


@pytest.mark.parametrize("element", [0, 1, 0x3F800000, 0x7F7FFFFF, f32.INFINITY, f32.NEGATIVE_INFINITY, f32.NAN])
def test_no_elements_are_dearer_than_others(harness: Contract, element: int) -> None:
    """The cost of a proof is computed from the node alone, and a hostile trace may hold any elements."""
    rng = random.Random(9)  # noqa: S311
    data = [element] * 4_608
    for i in range(0, len(data), rng.randrange(1, 9)):
        data[i] = rng.getrandbits(32)
    few, many = run(harness, data, [Case(PRODUCTS, 0, 4, 9_216, 4, n) for n in (1_152, 2_304)])
    assert (many.adding_gas - few.adding_gas) / 1_152 <= 130
    assert many.finishing_gas <= 2_500
