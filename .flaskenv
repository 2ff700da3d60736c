# Read by the `flask` command alone: the command line runs unpatched and never through wsgi.py.
FLASK_APP=focus.app:create_command_app
