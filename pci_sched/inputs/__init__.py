# SPDX-License-Identifier: Apache-2.0
"""Outside text becomes the model here; nothing else reads the world."""
