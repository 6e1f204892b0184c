# SPDX-License-Identifier: Apache-2.0
"""Whether a host can serve a request, with what, and else why not."""
