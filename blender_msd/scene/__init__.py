"""Checked arrays -> datablocks. No module here touches the network or a thread.

References to datablocks are not kept: undo and file loading replace them. They are found again by custom property or by
`session_uid`.
"""
