"""Packages of others as eMSPs: they connect, pull and are pushed to, each as its authors made it.

Each is installed where the project's own environment is not touched, once for each version, and left out where the
package index cannot be reached.
"""
