// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title The error function to 116 bits. Error bounds and ranges are proven in docs/verifier-functions-trig.md.
/// @dev Unchecked throughout: the document shows that everything fits.
library FixedErrorFunction {
    /// @dev 1 in the units of the terms, 2^-127.
    uint256 private constant ONE = 1 << 127;

    /// @dev Taylor terms after the first; an even number.
    uint256 private constant TERMS = 22;

    /// @notice erf(m * 2^e) = r * 2^s.
    /// @dev Relative error below 2^-116.
    /// @param m At least 1, below 2^24; the operand is below 3.9375.
    /// @param e From -149 to -22.
    function erf(uint256 m, int256 e) internal pure returns (uint256 r, int256 s) {
        unchecked {
            // The operand is c + h with c = i/8 nearest, h in units of 2^-126.
            uint256 x = (m << 126) >> uint256(-e);
            uint256 i = (x + 2 ** 122) >> 123;
            int256 h = int256(x) - int256(i << 123);
            (uint256 value, uint256 derivative) = centre(i);
            int256 ratio = _ratio(h, i);
            if (i == 0) return (m * ((uint256(ratio) * derivative) >> 128), e - 126);
            int256 difference = (((h * int256(derivative)) >> 123) * ratio) >> 129;
            return (uint256(int256(value) + difference), -128);
        }
    }

    /// @notice For the centre c = i/8: erf(c) in units of 2^-128 and its derivative 2/√π e^(-c²) in units of 2^-127, both cut.
    /// @dev Each word is the two, 16 bytes each.
    /// @param i At most 31.
    function centre(uint256 i) internal pure returns (uint256 value, uint256 derivative) {
        uint256 word;
        assembly ("memory-safe") {
            switch shr(3, i)
            case 0 {
                switch and(i, 7)
                case 0 { word := 0x00000000000000000000000000000000906eba8214db688d71d48a7f6bfec344 }
                case 1 { word := 0x23ebc346b87712e85b6b249f079e14f98e317d0f434db1ce6909ad6a1e72ff4e }
                case 2 { word := 0x46bd5388cb58224116de05be8d4c0b5687ae8b017bf206c1be8872b4e11bdf59 }
                case 3 { word := 0x677434adc87ce2e98e3fde2eb3c2f39a7d7c336bc54c4c0eff94fad6c08b9eb2 }
                case 4 { word := 0x853f7ae0c76e915e809f1a31a27a94c2707bf2926940454c081d7f494ffe19c7 }
                case 5 { word := 0x9f8cb6e68789a60da0b090208f527a5a61ba5a504d2e76c425eceb4e2985ab90 }
                case 6 { word := 0xb60e4bace872fb62865e59788aa6cee2524b90b5e34b12742c795845c0a020a8 }
                case 7 { word := 0xc8b924a8dc7e2db0dda4595a0e9db4eb432ad87c212e4c84c5288d3bc7351ff3 }
            }
            case 1 {
                switch and(i, 7)
                case 0 { word := 0xd7bb3d3a0844563680887edd869379d335223e12df784b7bcafb0465266ac7d2 }
                case 1 { word := 0xe36d69414f630f2a44959a2e17db07fc28bd337976f22abde68092d40aaaf837 }
                case 2 { word := 0xec432ecc55f00406276a08d164e2cd2a1e4652fadcb6b1f85abdf25bfbf70a65 }
                case 3 { word := 0xf2bb461da51fe0c5b133a7c4c47cb0cd15ce595c455b0a1c317415c2c6e0c8f1 }
                case 4 { word := 0xf752aab89bd6fd8f437741a6d266cb5c0f391b935c12546ddfce6811589c32eb }
                case 5 { word := 0xfa7b49db3debb6c5e11ebf93ca9eabf00a4cea3c5e539a898e20e8b9bc7126cc }
                case 6 { word := 0xfc9683bfc6ab698b55ef493fce6ebd9406c154c0c884055cba9ea60ed0191fc9 }
                case 7 { word := 0xfdf30f77a67b522bbdb10ccec300b0eb044b3acdffe6f0da3b0b09d347612fc2 }
            }
            case 2 {
                switch and(i, 7)
                case 0 { word := 0xfecd70a13caf19972801904b9a33eef402a5373d19f343c6d1efb3c4b138f78c }
                case 1 { word := 0xff5210c6b2ca4f8733309c2099d1c40f0194624e78e0faeaf9e6e320e1c03bbb }
                case 2 { word := 0xffa023b018cda1f14207143202514f2700ea0a1d4eff4b269113c3ca3812916b }
                case 3 { word := 0xffccb079f59936f74e35916807fb642a008348c5b1aab1224368c771c73ff82f }
                case 4 { word := 0xffe5547a64df53619dc2c022df2253e0004760c5c3efdbedea3671efbb74a15c }
                case 5 { word := 0xfff28a5dee0cb78c9a732e928e4c5cca00259d131012489c8495a2a49d4f3e51 }
                case 6 { word := 0xfff967d8229ecb35226d0c0854610b270013360ccd23db3a04e7855113a77758 }
                case 7 { word := 0xfffcdd210741a11379ec5aa630e3d7c60009829c7ddbbf6686317a306cd4cbb6 }
            }
            case 3 {
                switch and(i, 7)
                case 0 { word := 0xfffe8d6209afcbdd5f43d9ad9deb2f5b00049023a6e8cc9fa81e27ea78fbf3a8 }
                case 1 { word := 0xffff59f5d933d8f23fb4b823e5d0301200021f3c369ba6dbdec01237f2638526 }
                case 2 { word := 0xffffb7cfb3f2abc3c8907740696468450000f4daf4680673b46883a265c60a8d }
                case 3 { word := 0xffffe18b6cf67ce99a176172989e68ad00006af827a4512d79308300923fe4b4 }
                case 4 { word := 0xfffff3886ab2f393d4a5aedb807d014a00002d4b2e433527b31a03821e995197 }
                case 5 { word := 0xfffffb0c61ed2fb9b3d8c7715706262600001296a70f414053206dccb01142fa }
                case 6 { word := 0xfffffe178b8f1b0bdba072be8ea96d0c00000764dc78bfdf0d50aed0951e078d }
                case 7 { word := 0xffffff49676c945a49a2603d6a493fc3000002d9c3547faf7ba0df8ad85e2b55 }
            }
        }
        value = word >> 128;
        derivative = word & (2 ** 128 - 1);
    }

    /// @dev (erf(c + h) - erf(c)) / (h erf'(c)) in units of 2^-127: the mean of e^(-2cu - u²) for u from 0 to h.
    /// Its Taylor terms g_n follow from the derivative, n g_n = -2ch g_(n-1) - 2h² g_(n-2), and contribute g_n / (n + 1).
    /// @param h In units of 2^-126, at most 1/16 in magnitude.
    /// @param i The centre c in eighths, at most 31.
    function _ratio(int256 h, uint256 i) private pure returns (int256 sum) {
        assembly ("memory-safe") {
            let b := sub(0, mul(i, h)) // -2ch in units of 2^-128
            let d := sub(0, shr(123, mul(h, h))) // -2h² likewise
            let even := ONE
            let odd := 0
            sum := ONE
            for { let n := 1 } lt(n, TERMS) {} {
                odd := sdiv(add(mul(b, even), mul(d, odd)), shl(128, n))
                n := add(n, 1)
                sum := add(sum, sdiv(odd, n))
                even := sdiv(add(mul(b, odd), mul(d, even)), shl(128, n))
                n := add(n, 1)
                sum := add(sum, sdiv(even, n))
            }
        }
    }
}
