// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Float32, Rounding} from "../consumer/Float32.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Model, Policy, RequestId} from "../interfaces/Types.sol";
import {PaidConsumer} from "./PaidConsumer.sol";

/// @title Accepts an upload only if it is the type of file it claims to be.
/// @notice The model is Magika: 2,048 int32 tokens (bytes from the beginning and the end of the file) in, one float32 score
/// for each label out. Whoever reads an upload computes its tokens and asks for their hash.
contract ContentGate is PaidConsumer {
    using TensorReader for bytes;

    struct Claim {
        bytes32 tokensHash;
        uint32 label;
        uint64 minScore;
    }

    uint256 private constant ONE = 1e18;

    /// @notice Labels the model tells apart.
    uint256 public immutable LABELS;

    /// @notice What is claimed in an open request.
    mapping(RequestId requestId => Claim) public claimOf;

    /// @notice The score, with 18 decimals, an upload was accepted with as a label; zero: it was not.
    mapping(bytes32 tokensHash => mapping(uint256 label => uint256 score)) public scoreOf;

    /// @notice Somebody claims what an upload is.
    event Submitted(
        RequestId indexed requestId,
        address indexed uploader,
        bytes32 indexed tokensHash,
        uint256 label,
        uint256 minScore
    );

    /// @notice The upload is what it claims to be.
    /// @param score Score of the label, 18 decimals.
    event Accepted(RequestId indexed requestId, bytes32 indexed tokensHash, uint256 label, uint256 score);

    /// @notice The upload is not, or not surely enough, what it claims to be.
    /// @param label What it most looks like.
    /// @param scoreBits The float32 score of that label.
    event Rejected(RequestId indexed requestId, bytes32 indexed tokensHash, uint256 label, uint32 scoreBits);

    /// @notice The model has no such label.
    error ContentGate_UnknownLabel(uint256 label, uint256 labels);

    /// @notice A least score is a probability above 0 and up to 1, with 18 decimals.
    error ContentGate_ScoreOutOfRange(uint256 minScore);

    /// @param oracle The oracle to ask.
    /// @param model The file-type model.
    /// @param policy_ The terms of every request.
    constructor(IInferenceOracle oracle, Model memory model, Policy memory policy_)
        PaidConsumer(oracle, model, policy_)
    {
        LABELS = OUTPUT_BYTES / 4;
    }

    /// @notice Submits an upload; the ether sent is the fee.
    /// @param tokens The packed tokens of the file, int32.
    /// @param label The label claimed, its place in the model's output.
    /// @param minScore The least score, with 18 decimals, that counts.
    function submit(bytes calldata tokens, uint256 label, uint256 minScore)
        external
        payable
        returns (RequestId requestId)
    {
        require(label < LABELS, ContentGate_UnknownLabel(label, LABELS));
        require(minScore != 0 && minScore <= ONE, ContentGate_ScoreOutOfRange(minScore));
        bytes32 tokensHash = keccak256(tokens);
        requestId = _ask(tokens);
        claimOf[requestId] = Claim({tokensHash: tokensHash, label: uint32(label), minScore: uint64(minScore)});
        emit Submitted(requestId, msg.sender, tokensHash, label, minScore);
    }

    /// @inheritdoc PaidConsumer
    function _onAnswer(RequestId requestId, address, bytes calldata output) internal override {
        Claim memory claim = claimOf[requestId];
        delete claimOf[requestId];
        uint256 best = output.argMaxFloat32(0, LABELS);
        uint32 bits = output.float32At(0, best);
        // A negative score, an infinity or NaN is no probability.
        uint256 score = bits < Float32.INFINITY ? uint256(Float32.toFixed(bits, 18, Rounding.DOWN)) : 0;
        if (best != claim.label || score < claim.minScore) {
            emit Rejected(requestId, claim.tokensHash, best, bits);
            return;
        }
        scoreOf[claim.tokensHash][best] = score;
        emit Accepted(requestId, claim.tokensHash, best, score);
    }
}
