# SPDX-License-Identifier: Apache-2.0
"""The compute hook: nova-compute's devices on our matcher and ledger."""
