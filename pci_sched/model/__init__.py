# SPDX-License-Identifier: Apache-2.0
"""The words everything else is said in: frozen values, stdlib only."""
