# SPDX-License-Identifier: Apache-2.0
"""Devices that a scheduler cannot tell apart, and how many there are."""
