# SPDX-License-Identifier: Apache-2.0
"""What ``pci-pool check`` finds; pure, one module for each kind of rule."""
