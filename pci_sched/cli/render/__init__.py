# SPDX-License-Identifier: Apache-2.0
"""Pictures of a host: pure functions from a host to text."""
