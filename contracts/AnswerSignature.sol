// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Request, RequestId} from "./interfaces/Types.sol";

/// @title EIP-712 struct hashes of answers.
library AnswerSignature {
    bytes32 internal constant ANSWER_TYPEHASH = keccak256(
        "Answer(bytes32 requestId,uint8 attempt,bytes32 modelId,bytes32 inputHash,bytes32 outputHash,bytes32 environment,uint64 validUntil)"
    );
    bytes32 internal constant BATCH_TYPEHASH = keccak256(
        "AnswerBatch(Answer[] answers)Answer(bytes32 requestId,uint8 attempt,bytes32 modelId,bytes32 inputHash,bytes32 outputHash,bytes32 environment,uint64 validUntil)"
    );

    /// @notice `hashStruct(Answer)` of EIP-712.
    function hashAnswer(
        RequestId requestId,
        uint8 attempt,
        Request calldata request,
        bytes32 outputHash,
        bytes32 environment,
        uint64 validUntil
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ANSWER_TYPEHASH,
                requestId,
                attempt,
                request.modelId,
                request.inputHash,
                outputHash,
                environment,
                validUntil
            )
        );
    }

    /// @notice `hashStruct(AnswerBatch)` of EIP-712, from the struct hashes of its answers.
    function hashBatch(bytes32[] memory answers) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH_TYPEHASH, keccak256(abi.encodePacked(answers))));
    }
}
