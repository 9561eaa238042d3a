"""Models the registry announced."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from eth_abi.abi import decode
from eth_typing import ChecksumAddress
from sqlalchemy import select

from oracle.canonical.model import MODEL_ABI_TYPE, Model
from oracle.chain.protocol import ModelId
from oracle.store.schema import MODELS
from oracle.store.sqlite import Database


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A published model: its first publisher, and every place anybody named for its files."""

    id: ModelId
    onnx_digest: bytes
    publisher: ChecksumAddress
    encoded: bytes
    uris: tuple[str, ...]
    block_number: int

    @property
    def model(self) -> Model:
        """What the id binds."""
        return Model.from_abi(decode([MODEL_ABI_TYPE], self.encoded)[0])


MODEL_FIELDS = tuple(field.name for field in fields(StoredModel))
MODEL_COLUMNS = [MODELS.c[name] for name in MODEL_FIELDS]


def stored_model(row: Sequence[Any]) -> StoredModel:
    """A model from `MODEL_COLUMNS`."""
    model_id, digest, publisher, encoded, uris, block_number = row
    return StoredModel(model_id, digest, publisher, encoded, tuple(uris), block_number)


class Catalogue:
    """Reads published models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, model_id: bytes) -> StoredModel | None:
        """One model; None if it was not announced."""
        found = self.of([model_id])
        return found[0] if found else None

    def of(self, model_ids: list[bytes]) -> list[StoredModel]:
        """Those of `model_ids` that were announced."""
        query = select(*MODEL_COLUMNS).where(MODELS.c.id.in_(model_ids))
        with self._database.read() as connection:
            return [stored_model(row) for row in connection.execute(query)]

    def all(self) -> list[StoredModel]:
        """Every model, in the order announced."""
        query = select(*MODEL_COLUMNS).order_by(MODELS.c.block_number, MODELS.c.id)
        with self._database.read() as connection:
            return [stored_model(row) for row in connection.execute(query)]
