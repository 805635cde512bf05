"""What this process may use of its machine: cores, memory, caches, and how busy they are.

Everything is read from small files of the kernel, each time anew, since the limits of a pod may
change while it runs. No file has to be there: what cannot be read sets no limit or is unknown. The
functions take the root of the file system, so that tests can show them other machines.
"""
