"""Service clients."""

from .service import Client

__all__ = ["Client"]
