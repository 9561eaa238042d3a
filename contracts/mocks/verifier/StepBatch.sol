// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Many calls of one contract in one. For tests only.
contract StepBatch {
    /// @notice Calls `target` with each of `calls`, which lie one after the other as u32 length and calldata.
    /// @return results For each call, one after the other: u8 success, u64 gas of the call, u32 length, data returned.
    function run(address target, bytes calldata calls) external view returns (bytes memory results) {
        // Yul: results are appended at the end of memory, which no encoder of Solidity does without copying all of it.
        assembly ("memory-safe") {
            results := mload(0x40)
            let out := add(results, 32)
            let end := add(calls.offset, calls.length)
            for { let at := calls.offset } lt(at, end) {} {
                let length := shr(224, calldataload(at))
                calldatacopy(out, add(at, 4), length)
                at := add(at, add(4, length))
                let used := gas()
                let success := staticcall(gas(), target, out, length, 0, 0)
                used := sub(used, gas())
                let size := returndatasize()
                mstore(out, or(shl(248, success), or(shl(184, used), shl(152, size))))
                returndatacopy(add(out, 13), 0, size)
                out := add(out, add(13, size))
            }
            mstore(results, sub(out, add(results, 32)))
            mstore(0x40, and(add(out, 31), not(31)))
        }
    }
}
