"""A user's program, read only by mypy: it passes only if the installed package publishes its types (py.typed)."""

import kusto_magic

WRONG: int = kusto_magic.__version__  # type: ignore[assignment]


async def build(target: kusto_magic.Target, spec: kusto_magic.ImageSpec) -> str:
    """Return the name of an image; every step has its type."""
    async with kusto_magic.ImagesClient(target) as client:
        return (await client.create_or_update("image", spec)).name
