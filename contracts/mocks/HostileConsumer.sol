// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

// Doing what is advised against is what it is for.
// solhint-disable no-complex-fallback, avoid-low-level-calls

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Request, RequestId} from "../interfaces/Types.sol";

/// @title A consumer that does its worst when called back or paid. For tests only.
contract HostileConsumer is IInferenceConsumer {
    /// @param TAKE Takes the answer.
    /// @param REVERT Reverts with `blob`.
    /// @param BURN Spends all its gas.
    /// @param RETURN_BOMB Takes the answer and returns `BOMB` bytes.
    /// @param REVERT_BOMB Reverts with `BOMB` bytes.
    /// @param REENTER Makes the call in `blob`, keeps what came of it, and takes the answer.
    enum Mode {
        TAKE,
        REVERT,
        BURN,
        RETURN_BOMB,
        REVERT_BOMB,
        REENTER
    }

    /// @dev As much memory as the greatest callback gas pays for.
    uint256 private constant BOMB = 900 * 1024;

    /// @notice What it does.
    Mode public mode;

    /// @notice Revert data or calldata.
    bytes public blob;

    /// @notice How many times an answer was taken.
    mapping(RequestId requestId => uint256 times) public taken;

    /// @notice Gas it had when called back.
    uint256 public gasGiven;

    /// @notice Whether the re-entering call succeeded, and what it returned.
    bool public reentered;
    bytes public returned;

    function set(Mode mode_, bytes calldata blob_) external {
        (mode, blob, reentered, returned) = (mode_, blob_, false, "");
    }

    function ask(IInferenceOracle oracle, Request calldata request, bytes calldata input)
        external
        payable
        returns (RequestId)
    {
        return oracle.request{value: msg.value}(request, input);
    }

    /// @notice Any call, made by this contract.
    function execute(address to, uint256 value, bytes calldata data) external payable returns (bytes memory result) {
        bool success;
        (success, result) = to.call{value: value}(data);
        if (!success) _revert(result);
    }

    function onInference(RequestId requestId, bytes calldata) external {
        uint256 given = gasleft();
        if (mode == Mode.REVERT) _revert(blob);
        if (mode == Mode.BURN) _burn();
        if (mode == Mode.REVERT_BOMB) _revert(new bytes(BOMB));
        if (mode == Mode.REENTER) _reenter();
        ++taken[requestId];
        gasGiven = given;
        if (mode == Mode.RETURN_BOMB) {
            assembly ("memory-safe") {
                return(0, BOMB)
            }
        }
    }

    receive() external payable {
        if (mode == Mode.REVERT) _revert(blob);
        if (mode == Mode.REENTER) _reenter();
    }

    function _reenter() private {
        (reentered, returned) = msg.sender.call(blob);
    }

    function _burn() private pure {
        assembly ("memory-safe") {
            invalid()
        }
    }

    function _revert(bytes memory data) private pure {
        assembly ("memory-safe") {
            revert(add(data, 32), mload(data))
        }
    }
}
