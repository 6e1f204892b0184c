# SPDX-License-Identifier: Apache-2.0
"""Nova at the edge: the only room whose modules may import nova.

Some do not, and can be tried without it; this one imports nothing.
"""
