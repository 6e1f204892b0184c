# SPDX-License-Identifier: Apache-2.0
"""Who holds which device of a host, and what may happen to it next."""
