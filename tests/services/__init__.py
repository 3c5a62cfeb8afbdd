"""Real servers for tests: each starts on a free port of 127.0.0.1 and dies with its process group.

The fixtures of `plugin.py` start one server a session, when the first test asks for it. A test that kills or cuts its
server starts one of its own: `with SeaweedFS.running(tmp_path) as server: ...`.
"""
