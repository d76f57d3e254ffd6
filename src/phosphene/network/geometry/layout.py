"""How a value lies as maps: where its rows and columns are, or its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """How a value (N, ...) lies as maps: its row and column dimensions, or its tokens' dimension, grid and prefix."""

    rows: int | None = None
    columns: int | None = None
    tokens: int | None = None
    grid: tuple[int, int] = (0, 0)
    prefix: int = 0

    def maps(self, value: Tensor) -> Tensor:
        """The value as (N, C, rows, columns); one of three dimensions holds maps of one channel."""
        if self.tokens is None:
            last_two = value.ndim - 2, value.ndim - 1
            moved = (self.rows, self.columns) != last_two
            maps = torch.movedim(value, (self.rows, self.columns), last_two) if moved else value  # type: ignore[arg-type]
            return maps.unsqueeze(1) if value.ndim == 3 else maps
        tokens = torch.movedim(value, self.tokens, -1)
        tokens = tokens.reshape(tokens.shape[0], -1, tokens.shape[-1])
        return tokens[..., self.prefix : self.prefix + self.grid[0] * self.grid[1]].unflatten(-1, self.grid)

    def placed(self, value: Tensor, maps: Tensor) -> Tensor:
        """The value with other maps (N, C, rows, columns) in the place of its own; tokens without a place stay."""
        if self.tokens is None:
            inner = maps.squeeze(1) if value.ndim == 3 else maps
            last_two = value.ndim - 2, value.ndim - 1
            moved = (self.rows, self.columns) != last_two
            return torch.movedim(inner, last_two, (self.rows, self.columns)) if moved else inner  # type: ignore[arg-type]
        tokens = torch.movedim(value, self.tokens, -1)
        flat = tokens.reshape(tokens.shape[0], -1, tokens.shape[-1])
        stop = self.prefix + self.grid[0] * self.grid[1]
        joined = torch.cat([flat[..., : self.prefix], maps.flatten(2), flat[..., stop:]], -1)
        return torch.movedim(joined.reshape(tokens.shape), -1, self.tokens)

    def extras(self, value: Tensor) -> Tensor:
        """The tokens that have no place, cls first, as (N, prefix, C)."""
        if self.tokens is None:
            return value.new_zeros(value.shape[0], 0, self.maps(value).shape[1])
        tokens = torch.movedim(value, self.tokens, 1)
        return tokens.reshape(tokens.shape[0], tokens.shape[1], -1)[:, : self.prefix]
