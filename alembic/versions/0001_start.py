# SPDX-License-Identifier: Apache-2.0
"""The empty start: a database that pci_sched has marked as its own.

There are no tables yet. The chain starts all the same, so that the first
table is an ordinary upgrade and every installation has been through one.
"""

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

#: What a downgrade drops.
loses: tuple[str, ...] = ()


def upgrade() -> None:
    """Create nothing; alembic writes the revision down."""


def downgrade() -> None:
    """Drop nothing; alembic forgets the revision."""


def triggers(_dialect: str) -> frozenset[str]:
    """Name the triggers that come with this revision."""
    return frozenset()
