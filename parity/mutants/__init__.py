"""Components with one realistic mistake each: proof that the suite has teeth, and the dictionary
for diagnosis. One module a topic, named as in ``scratch/``.
"""
