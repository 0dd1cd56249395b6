"""Collections behind URLs: found, fetched, annotated as local files are, and put back.

Conventions
-----------
Every URL that fsspec reads will do: ``s3://bucket/folder/``, ``memory://folder/song.mp3``.
``file://`` names a plain path. fsspec is imported when the first URL is met.

Each track is fetched into a private folder, goes there through what every local track goes
through, and what came of it is put back.

What is promised
----------------
A reader sees the old JAMS or the new one, never a part. On object stores that is what they
themselves promise of a put; where the other side can rename, the JAMS is written beside under a
hidden name and renamed.

What somebody else wrote into a JAMS between our reading and our writing is kept. On S3 the put is
made on the condition that the object is still the one that was read, and where it is not, we
begin again from theirs. Other stores, and servers that do not know that condition, are asked just
before the put; a change in the instant between would be lost.
"""
