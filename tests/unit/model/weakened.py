"""The rules with one mistake each: what the explorer must notice."""

# ruff: noqa: ARG002  (a mistake is to ignore something)
from tests.unit.model.rules import NOT_YET, Game, Rules


class LateChallenge(Rules):
    """A challenge at the very end of the window."""

    def may_challenge(self, now: int) -> bool:
        return now <= self.window


class LateTrace(Rules):
    """A trace at the very end of its time."""

    def may_post(self, game: Game, now: int) -> bool:
        return now <= game.challenged + self.trace_time


class EarlyTraceForfeit(Rules):
    """A trace forfeited one second early."""

    def may_forfeit_trace(self, game: Game, now: int) -> bool:
        return now >= game.challenged + self.trace_time - 1


class LateReveal(Rules):
    """A reveal at the due."""

    def may_reveal(self, due: int, now: int) -> bool:
        return now <= due


class EarlyForfeit(Rules):
    """A demand forfeited one second early."""

    def may_forfeit_demand(self, due: int, now: int) -> bool:
        return now >= due - 1


class ForfeitAfterDue(Rules):
    """A demand forfeited from the second after its due: nobody may act at the due."""

    def may_forfeit_demand(self, due: int, now: int) -> bool:
        return now > due


class LateProof(Rules):
    """A proof at H."""

    def may_prove(self, game: Game, now: int) -> bool:
        return game.posted <= now <= self.end(game)


class LateProgramProof(Rules):
    """A program fault proven when the trace is overdue already."""

    def may_prove_program(self, game: Game, now: int) -> bool:
        return now <= (self.end(game) if game.posted != NOT_YET else game.challenged + self.trace_time)


class EndWithoutMove(Rules):
    """H without its last m."""

    def end(self, game: Game) -> int:
        return max(self.openings_end(game), game.latest)


class EndOfDemandsOnly(Rules):
    """L without the moves that follow reveals."""

    def revealed(self, game: Game, now: int) -> Game:
        return game


class RefusesWhatIsRevealed(Rules):
    """What is revealed cannot be demanded: others let a challenger's clock run out."""

    def may_demand_revealed(self) -> bool:
        return False


class OldClock(Rules):
    """A chain that demands what is revealed keeps its old clock."""

    def again(self, revealed: int, now: int) -> int:
        return now if revealed == NOT_YET else revealed


class EndOfRevealsOnly(Rules):
    """L without dues."""

    def demanded(self, game: Game, due: int) -> Game:
        return super().demanded(game, due)._replace(latest=game.latest)


class EndOfOpeningsOnly(Rules):
    """H that no demand moves."""

    def end(self, game: Game) -> int:
        return self.openings_end(game) + self.move_time


class UpholdsSilence(Rules):
    """An answer upheld while a demand is open."""

    def may_resolve(self, game: Game, now: int, open_demands: int) -> bool:
        return now >= self.end(game)


class EarlyEnd(Rules):
    """An answer upheld one second early."""

    def may_resolve(self, game: Game, now: int, open_demands: int) -> bool:
        return now >= self.end(game) - 1 and open_demands == 0


class NoSpacing(Rules):
    """Dues that do not wait for each other."""

    def due(self, game: Game, now: int) -> int:
        return now + self.move_time


class SpacingRoundedDown(Rules):
    """m / Q, rounded down."""

    @property
    def spacing(self) -> int:
        return self.move_time // self.per_move


class SpacingAlone(Rules):
    """A due that follows the last one, however soon that is."""

    def due(self, game: Game, now: int) -> int:
        return game.last_due + self.spacing if game.last_due != NOT_YET else now + self.move_time


class EndlessChain(Rules):
    """One demand more than K."""

    def may_continue(self, demands: int, revealed: int, now: int) -> bool:
        return demands <= self.max_demands and now < revealed + self.move_time


class ShortTurn(Rules):
    """A chain that has one second less than m for its next demand."""

    def may_continue(self, demands: int, revealed: int, now: int) -> bool:
        return demands < self.max_demands and now < revealed + self.move_time - 1


class PatientChain(Rules):
    """A chain that may go on as long as the game lasts."""

    def may_continue(self, demands: int, revealed: int, now: int) -> bool:
        return demands < self.max_demands


class OpeningsFromWindow(Rules):
    """E that does not wait for the trace."""

    def openings_end(self, game: Game) -> int:
        return self.window + self.proof_period


class OpeningsFromTrace(Rules):
    """E that does not wait for the window."""

    def openings_end(self, game: Game) -> int:
        return game.posted + self.proof_period


WEAKENED = Rules.__subclasses__()
