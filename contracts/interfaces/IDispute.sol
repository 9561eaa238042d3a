// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {OutputElement} from "./IAnswerFaults.sol";
import {SourceClaim} from "./IInputFaults.sol";
import {NodeOpening} from "./IProgramFaults.sol";
import {StepProof} from "./IStepVerifier.sol";
import {AnswerRef, Model, Request, RequestId} from "./Types.sol";

/// @notice Identity of a game: `keccak256(abi.encode(requestId, attempt, commitment))`.
type GameId is bytes32;

/// @notice The answer in dispute.
/// @param request The request.
/// @param answer Its provisional answer.
/// @param attempt The attempt it answers, from 1.
struct Subject {
    Request request;
    AnswerRef answer;
    uint8 attempt;
}

/// @notice A layer below a node of a tree: docs/disputes.md section 3.
/// @param tensor The tensor; 2^32 - 1 for the trace.
/// @param layer Which layer of its tree, from 0 at the top.
/// @param index Which node of depth `7 * layer`, from the left.
struct Position {
    uint32 tensor;
    uint8 layer;
    uint32 index;
}

/// @notice What was demanded.
/// @param position Where.
/// @param data Hashes of 32 bytes, or in the last layer leaves: of 256 bytes in a tensor, of 32 in the trace.
/// @param path Siblings of the position's node up to its tree's hash, lowest first: `7 * layer` of them.
/// @param tracePath Siblings of the tensor's root up to the trace's tree hash, lowest first; none for the trace.
struct Revelation {
    Position position;
    bytes data;
    bytes32[] path;
    bytes32[] tracePath;
}

/// @notice How a game stands.
/// @param NONE There is no such game.
/// @param OPEN It is played.
/// @param UPHELD The answer became final.
/// @param REFUTED The answer was wrong, or its operator silent.
/// @param VOIDED The program was malformed.
enum Verdict {
    NONE,
    OPEN,
    UPHELD,
    REFUTED,
    VOIDED
}

/// @notice What was proven.
enum Fault {
    STEP,
    CONSTANT,
    INPUT,
    ANSWER,
    MODEL,
    HEADER,
    NODE,
    OPERAND
}

/// @notice A game as the contract keeps it. Times in seconds since the epoch, 0 where not yet; amounts in wei.
/// @param verdict How it stands.
/// @param opener Who opened it.
/// @param challengedAt c.
/// @param postedAt p.
/// @param windowEnd W.
/// @param traceTime T.
/// @param proofPeriod P.
/// @param moveTime m.
/// @param bond Bond of a chain.
/// @param nodeCount Nodes of the program.
/// @param programRoot Its root.
/// @param traceRoot Root of the trace.
/// @param lastDue The latest due given.
/// @param latest L: the latest of all due and all r + m.
/// @param openDemands Demands that wait to be revealed.
/// @param bonds Bonds held for the game.
struct Game {
    Verdict verdict;
    address opener;
    uint40 challengedAt;
    uint40 postedAt;
    uint40 windowEnd;
    uint32 traceTime;
    uint32 proofPeriod;
    uint32 moveTime;
    uint256 bond;
    uint32 nodeCount;
    bytes32 programRoot;
    bytes32 traceRoot;
    uint40 lastDue;
    uint40 latest;
    uint32 openDemands;
    uint32 bonds;
}

/// @notice A demand.
/// @param owner Who made it first; zero: nobody has.
/// @param due From when on it can be forfeited.
/// @param revealedAt When it was revealed; 0: not yet.
struct Demand {
    address owner;
    uint40 due;
    uint40 revealedAt;
}

/// @notice An account's chain of demands in a game.
/// @param bonds Bonds it has in the game and has not claimed.
/// @param demands Demands made since the last bond.
/// @param demandedAt When the last one was made.
/// @param last The last one; meaningless where `demands` is 0.
struct Chain {
    uint32 bonds;
    uint8 demands;
    uint40 demandedAt;
    Position last;
}

/// @title Decides disputes by letting the chain recompute one element.
/// @notice No owner, no committee, no vote. The rules are docs/disputes.md sections 1 to 5. Amounts are wei, times seconds
/// since the epoch.
interface IDispute {
    // ------------------------------------------------------------------ events

    /// @notice A game was opened.
    /// @param gameId The game.
    /// @param requestId The request.
    /// @param opener Who challenged.
    /// @param operator Who answered.
    /// @param attempt The attempt in dispute.
    event Challenged(
        GameId indexed gameId, RequestId indexed requestId, address indexed opener, address operator, uint8 attempt
    );

    /// @notice The operator's trace is fixed.
    /// @param gameId The game.
    /// @param root Trace root.
    /// @param roots Tensor roots, where the program has at most 256 nodes; else none.
    event TracePosted(GameId indexed gameId, bytes32 root, bytes32[] roots);

    /// @notice A chain was opened and its bond taken.
    /// @param gameId The game.
    /// @param owner Whose chain.
    event ChainOpened(GameId indexed gameId, address indexed owner);

    /// @notice A position was demanded.
    /// @param gameId The game.
    /// @param owner Whose chain demands it.
    /// @param tensor Its tensor.
    /// @param layer Its layer.
    /// @param index Its index.
    /// @param due Until when it must be revealed: before this second.
    event Demanded(GameId indexed gameId, address indexed owner, uint32 tensor, uint8 layer, uint32 index, uint40 due);

    /// @notice A position was revealed.
    /// @param gameId The game.
    /// @param tensor Its tensor.
    /// @param layer Its layer.
    /// @param index Its index.
    /// @param data What is there.
    event Revealed(GameId indexed gameId, uint32 tensor, uint8 layer, uint32 index, bytes data);

    /// @notice A fault was proven and the game ended.
    /// @param gameId The game.
    /// @param prover Who sent the proof.
    /// @param finder Whom it credits.
    /// @param fault Which fault.
    /// @param tensor The node it was found in; 0 for faults of the model and of the header.
    /// @param element The element, for faults of steps (within the tensor) and of answers (within the output); else 0.
    event Proven(
        GameId indexed gameId,
        address indexed prover,
        address indexed finder,
        Fault fault,
        uint32 tensor,
        uint64 element
    );

    /// @notice The operator did not post a trace in time and the game ended.
    /// @param gameId The game.
    event TraceForfeited(GameId indexed gameId);

    /// @notice A demand was not met in time and the game ended.
    /// @param gameId The game.
    /// @param finder Who first made it.
    /// @param tensor Its tensor.
    /// @param layer Its layer.
    /// @param index Its index.
    event DemandForfeited(GameId indexed gameId, address indexed finder, uint32 tensor, uint8 layer, uint32 index);

    /// @notice The answer stands and the game ended.
    /// @param gameId The game.
    /// @param operator Who answered.
    /// @param credited What it was credited of the bonds, in wei.
    /// @param burnt What was burnt of them, in wei.
    event Upheld(GameId indexed gameId, address indexed operator, uint256 credited, uint256 burnt);

    /// @notice A chain's bonds were credited to its owner.
    /// @param gameId The game.
    /// @param owner Whose.
    /// @param amount In wei.
    event Claimed(GameId indexed gameId, address indexed owner, uint256 amount);

    /// @notice Credit left.
    /// @param account Whose.
    /// @param to Where to.
    /// @param amount In wei.
    event CreditWithdrawn(address indexed account, address indexed to, uint256 amount);

    // ------------------------------------------------------------------ errors

    /// @notice The oracle has another dispute contract, so this one would be mute; or a constant is out of range.
    error Dispute_BadParameters();

    /// @notice There is no such game, or it has ended.
    error Dispute_NotOpen(GameId gameId, Verdict verdict);

    /// @notice There has been a game over this answer.
    error Dispute_AlreadyChallenged(GameId gameId);

    /// @notice The model given is not the request's.
    error Dispute_WrongModel(bytes32 expected, bytes32 actual);

    /// @notice `given` wei were sent, the bond is `bond`.
    error Dispute_WrongBond(uint256 given, uint256 bond);

    /// @notice The move had to come before `deadline`.
    error Dispute_TooLate(uint256 deadline);

    /// @notice The move is possible from `from` on.
    error Dispute_TooEarly(uint256 from);

    /// @notice There is no trace yet.
    error Dispute_NoTrace(GameId gameId);

    /// @notice There is a trace already.
    error Dispute_TraceExists(GameId gameId);

    /// @notice Only the answer's operator, or its signature, fixes the trace.
    error Dispute_NotOperator(address operator);

    /// @notice A program of `expected` nodes brings so many tensor roots (none, where it has more than 256).
    error Dispute_WrongRootCount(uint256 expected, uint256 given);

    /// @notice Hashing what was given leads to `actual`.
    error Dispute_WrongRoot(bytes32 expected, bytes32 actual);

    /// @notice The account has no chain in this game, or it has had its last demand.
    error Dispute_NoChain(address account);

    /// @notice The chain's last demand has not been revealed yet.
    error Dispute_LastDemandOpen();

    /// @notice There is no such position, nothing above it is revealed, it lies in an INPUT or CONST, or in a trace whose tensor
    /// roots were posted.
    error Dispute_CannotDemand(uint32 tensor, uint8 layer, uint32 index);

    /// @notice The first demand in a tensor brings its node.
    error Dispute_WrongNode(uint32 tensor);

    /// @notice The position is revealed already.
    error Dispute_AlreadyRevealed(uint32 tensor, uint8 layer, uint32 index);

    /// @notice The position was not demanded.
    error Dispute_NotDemanded(uint32 tensor, uint8 layer, uint32 index);

    /// @notice Data of a position have `expected` bytes.
    error Dispute_WrongLength(uint256 expected, uint256 given);

    /// @notice A path has `expected` siblings.
    error Dispute_WrongPath(uint256 expected, uint256 given);

    /// @notice There is something behind the last element.
    error Dispute_PaddingNotZero();

    /// @notice The input or answer given is not the one in dispute.
    error Dispute_WrongBytes(bytes32 expected, bytes32 actual);

    /// @notice The verifier finds nothing wrong there.
    error Dispute_NoFault();

    /// @notice `demands` demands wait to be revealed or forfeited.
    error Dispute_DemandsOpen(uint256 demands);

    /// @notice Nothing is left to claim.
    error Dispute_NothingToClaim(address account);

    /// @notice The account has `available` wei.
    error Dispute_CreditTooSmall(uint256 available, uint256 wanted);

    /// @notice The zero address cannot be paid.
    error Dispute_ZeroAddress();

    /// @notice `to` did not take the money.
    error Dispute_TransferFailed(address to);

    // ------------------------------------------------------------------ opening

    /// @notice Challenges a provisional answer with the policy's challenger bond.
    /// @param request The request.
    /// @param answer Its provisional answer.
    /// @param model Its model.
    /// @return gameId The game.
    function challenge(Request calldata request, AnswerRef calldata answer, Model calldata model)
        external
        payable
        returns (GameId gameId);

    /// @notice Fixes the trace; by the operator.
    /// @param subject The answer in dispute.
    /// @param root Trace root.
    /// @param roots Tensor roots, where the program has at most 256 nodes; else none.
    function postTrace(Subject calldata subject, bytes32 root, bytes32[] calldata roots) external;

    /// @notice The same, by anyone with the operator's EIP-712 signature `Trace(bytes32 gameId,bytes32 root)`.
    /// @param subject The answer in dispute.
    /// @param root Trace root.
    /// @param roots Tensor roots, where the program has at most 256 nodes; else none.
    /// @param signature The operator's: ECDSA with low s, or ERC-1271.
    function postTraceFor(Subject calldata subject, bytes32 root, bytes32[] calldata roots, bytes calldata signature)
        external;

    // ------------------------------------------------------------------ demanding and revealing

    /// @notice Opens a chain with a bond and its first demand.
    /// @param gameId The game.
    /// @param position What is demanded.
    /// @param node Encoding of the tensor's node, for the first demand in a tensor; else passed over.
    /// @param nodePath Its siblings up to the program's tree hash, lowest first; else passed over.
    function openChain(GameId gameId, Position calldata position, bytes calldata node, bytes32[] calldata nodePath)
        external
        payable;

    /// @notice A chain's next demand, or the first of the opener's.
    /// @param gameId The game.
    /// @param position What is demanded.
    /// @param node Encoding of the tensor's node, for the first demand in a tensor; else passed over.
    /// @param nodePath Its siblings up to the program's tree hash, lowest first; else passed over.
    function demand(GameId gameId, Position calldata position, bytes calldata node, bytes32[] calldata nodePath)
        external;

    /// @notice Reveals what was demanded.
    /// @param gameId The game.
    /// @param revelation Position, data and paths.
    function reveal(GameId gameId, Revelation calldata revelation) external;

    /// @notice Reveals several positions; those already revealed are passed over.
    /// @param gameId The game.
    /// @param revelations Positions, data and paths.
    function revealMany(GameId gameId, Revelation[] calldata revelations) external;

    // ------------------------------------------------------------------ proving

    /// @notice Ends the game: an element of a tensor is not what its node says.
    /// @param subject The answer in dispute.
    /// @param proof The element, opened against the trace.
    function proveStep(Subject calldata subject, StepProof calldata proof) external;

    /// @notice Ends the game: the trace has another root for a CONST node than the program.
    /// @param subject The answer in dispute.
    /// @param claim Node and root.
    function proveConstant(Subject calldata subject, SourceClaim calldata claim) external;

    /// @notice Ends the game: the trace has another root for an INPUT node than the request's bytes.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    /// @param claim Node and root.
    /// @param input The packed input.
    function proveInput(
        Subject calldata subject,
        Model calldata model,
        SourceClaim calldata claim,
        bytes calldata input
    ) external;

    /// @notice The same for a request that carries tensor roots.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    /// @param claim Node and root.
    /// @param roots One root per input, in slot order.
    function proveInputRoot(
        Subject calldata subject,
        Model calldata model,
        SourceClaim calldata claim,
        bytes32[] calldata roots
    ) external;

    /// @notice Ends the game: the answer's length is wrong, or an element is not within tolerance of the trace's.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    /// @param output The packed answer.
    /// @param claim The element, opened against the trace.
    function proveAnswer(
        Subject calldata subject,
        Model calldata model,
        bytes calldata output,
        OutputElement calldata claim
    ) external;

    /// @notice Ends the game, voiding the request: the model contradicts itself.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    function proveModel(Subject calldata subject, Model calldata model) external;

    /// @notice Ends the game, voiding the request: the program is of another version or node count than the model's.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    /// @param version Version under the model's program root.
    /// @param count Number of nodes under it.
    /// @param tree Hash of the tree under it.
    function proveHeader(Subject calldata subject, Model calldata model, uint16 version, uint32 count, bytes32 tree)
        external;

    /// @notice Ends the game, voiding the request: a node is malformed, too dear, or contradicts the model.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    /// @param opening The node.
    function proveNode(Subject calldata subject, Model calldata model, NodeOpening calldata opening) external;

    /// @notice Ends the game, voiding the request: an operand has another dtype or count than the node says.
    /// @param subject The answer in dispute.
    /// @param model Its model.
    /// @param opening The node.
    /// @param operand Which operand.
    /// @param source The node that is the operand.
    function proveOperand(
        Subject calldata subject,
        Model calldata model,
        NodeOpening calldata opening,
        uint256 operand,
        NodeOpening calldata source
    ) external;

    // ------------------------------------------------------------------ ending by time

    /// @notice Ends the game: no trace was posted in time.
    /// @param subject The answer in dispute.
    function forfeitTrace(Subject calldata subject) external;

    /// @notice Ends the game: a demand was not met in time.
    /// @param subject The answer in dispute.
    /// @param position The demand.
    function forfeitDemand(Subject calldata subject, Position calldata position) external;

    /// @notice Ends the game: nothing was proven and nothing is open.
    /// @param subject The answer in dispute.
    function resolve(Subject calldata subject) external;

    // ------------------------------------------------------------------ money

    /// @notice Credits an account its bonds of a game that ended against the operator.
    /// @param gameId The game.
    /// @param owner The account.
    function claim(GameId gameId, address owner) external;

    /// @notice Pays out credit of the sender's.
    /// @param amount In wei.
    /// @param to Where to.
    function withdraw(uint256 amount, address payable to) external;

    // ------------------------------------------------------------------ views

    /// @notice The game of an answer, whether it exists or not.
    /// @param subject The answer.
    /// @return gameId The game.
    function idOf(Subject calldata subject) external view returns (GameId gameId);

    /// @notice How a game stands.
    /// @param gameId The game.
    function gameOf(GameId gameId) external view returns (Game memory);

    /// @notice From when on a game can be resolved, as things stand (H); 0 while there is no trace.
    /// @param gameId The game.
    function endOf(GameId gameId) external view returns (uint256);

    /// @notice How a demand stands.
    /// @param gameId The game.
    /// @param position The demand.
    function demandOf(GameId gameId, Position calldata position) external view returns (Demand memory);

    /// @notice An account's chain.
    /// @param gameId The game.
    /// @param owner The account.
    function chainOf(GameId gameId, address owner) external view returns (Chain memory);

    /// @notice An account's credit, in wei.
    /// @param account The account.
    function creditOf(address account) external view returns (uint256);

    /// @notice The constants of this deployment.
    /// @return maxDemands K.
    /// @return demandsPerMove Q.
    /// @return upheldShare Of challengers' bonds to an upheld operator, in ten-thousandths.
    function constants() external view returns (uint256 maxDemands, uint256 demandsPerMove, uint256 upheldShare);
}
