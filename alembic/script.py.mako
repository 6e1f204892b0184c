## SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
"""${message}.

Revision ${up_revision} follows ${down_revision | comma,n}.
"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | None = ${repr(branch_labels)}
depends_on: str | None = ${repr(depends_on)}

#: What a downgrade drops: tables, and columns as table.column.
loses: tuple[str, ...] = ()


def upgrade() -> None:
    """Say what the tables have afterwards."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Say what is lost."""
    ${downgrades if downgrades else "pass"}


def triggers(_dialect: str) -> frozenset[str]:
    """Name the triggers that come with this revision."""
    return frozenset()
