"""Programs that train the same networks with other libraries, and the job that they share.

Each program runs in an interpreter of the user, so it imports only that library, NumPy, and files
of this folder.
"""
