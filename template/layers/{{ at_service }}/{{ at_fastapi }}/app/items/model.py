"""What an item is."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class NewItem(BaseModel):
    """An item as a client sends it."""

    model_config = ConfigDict(extra="forbid")

    # PostgreSQL cannot store the character NUL.
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Item(BaseModel):
    """An item as it is stored."""

    id: int
    name: str
    created_at: datetime
