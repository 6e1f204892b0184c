# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings of the release notes."""

extensions = ["reno.sphinxext"]

project = "pci_sched release notes"
author = "pci_sched contributors"
project_copyright = author
# The notes bear their own versions.
release = ""
version = ""

master_doc = "index"
html_theme = "alabaster"
