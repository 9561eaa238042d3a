// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @dev The cheatcodes of forge these tests use.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function deal(address account, uint256 amount) external;
    function deployCode(string calldata what) external returns (address);
    function deployCode(string calldata what, bytes calldata arguments) external returns (address);
    function expectRevert(bytes calldata data) external;
    function getBlockTimestamp() external view returns (uint256);
    function getNonce(address account) external view returns (uint64);
    function prank(address sender) external;
    function readFileBinary(string calldata path) external view returns (bytes memory);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function toString(uint256 value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);
    function warp(uint256 timestamp) external;
}

/// @dev What forge calls in runs of invariants.
struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @dev Assertions; a test that reverts has failed.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotEqual(string what, uint256 left, uint256 right);
    error NotTrue(string what);

    function assertTrue(bool condition, string memory what) internal pure {
        require(condition, NotTrue(what));
    }

    function assertEq(uint256 left, uint256 right, string memory what) internal pure {
        require(left == right, NotEqual(what, left, right));
    }

    function assertEq(int256 left, int256 right, string memory what) internal pure {
        require(left == right, NotEqual(what, uint256(left), uint256(right)));
    }

    function assertEq(address left, address right, string memory what) internal pure {
        require(left == right, NotEqual(what, uint160(left), uint160(right)));
    }

    function assertEq(bytes32 left, bytes32 right, string memory what) internal pure {
        require(left == right, NotEqual(what, uint256(left), uint256(right)));
    }

    /// @dev A number from `least` to `most` made of any number.
    function bound(uint256 seed, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + seed % (most - least + 1);
    }
}
