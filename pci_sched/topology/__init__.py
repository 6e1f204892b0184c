# SPDX-License-Identifier: Apache-2.0
"""One host as a graph, and the questions to ask of it."""
