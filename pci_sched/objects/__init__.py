# SPDX-License-Identifier: Apache-2.0
"""Versioned objects: what of a ledger leaves the process."""
