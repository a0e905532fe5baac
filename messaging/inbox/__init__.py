"""What an operator sees of conversations.

reading    the words of any message, whoever wrote it and whatever its type
bubbles    messages as a chat shows them: text, files, buttons, ticks
threads    the list of conversations and what may be done with one
replies    answers: text, template or file, each once however often it is sent
"""
