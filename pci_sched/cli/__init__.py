# SPDX-License-Identifier: Apache-2.0
"""``pci-pool``: the diagnostic that runs alone, one file per verb."""
