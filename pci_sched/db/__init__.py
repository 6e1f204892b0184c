# SPDX-License-Identifier: Apache-2.0
"""The tracker's database, behind SQLAlchemy and alembic."""
