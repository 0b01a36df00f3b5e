"""The HTTP interface of items."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response, status

from app.items.model import Item, NewItem
from app.items.repository import ItemRepository

MAX_ID = 2**63 - 1

router = APIRouter(prefix="/items", tags=["items"])


# async: FastAPI would run a plain function in a thread, which costs more than the whole request.
async def _repository(request: Request) -> ItemRepository:
    repository: ItemRepository = request.app.state.items
    return repository


Repository = Annotated[ItemRepository, Depends(_repository)]


@router.get("")
async def list_items(
    repository: Repository,
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[Item]:
    """Return a page of items; the last id of a page is the next page's `after`."""
    return await repository.page(after=after, limit=limit)


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_item(new: NewItem, repository: Repository, response: Response) -> Item:
    """Store an item."""
    item = await repository.add(new)
    response.headers["Location"] = f"/items/{item.id}"
    return item


@router.get("/{item_id}")
async def get_item(item_id: Annotated[int, Path(ge=1, le=MAX_ID)], repository: Repository) -> Item:
    """Return one item."""
    item = await repository.get(item_id)
    if item is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such item.")
    return item
