"""The microscope's limits, in one table: what one person may ask for, and what the server may take."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds on memory, disk, time and the queue. What lies beyond is refused in a sentence."""

    upload_bytes: int = 25 * MB  # of one image's file
    upload_pixels: int = 50_000_000  # of one image, asked before it is decoded
    frame_bytes: int = 2 * MB  # of one camera frame
    request_bytes: int = MB // 4  # of any other request's body
    request_seconds: float = 20.0  # until a request's headers, and then its body, must have arrived
    connections: int = 512  # open at once; a browser opens six, one of them for events
    bodies: int = 8  # large ones that are received at once; others wait
    decoding: int = 2  # images decoded at once
    uploads_bytes: int = 512 * MB  # of all uploaded files on disk; the ones used longest ago go
    stored_bytes: int = 1024 * MB  # of all stored answers on disk
    values_bytes: int = 128 * MB  # of layers' values in memory
    results_bytes: int = 64 * MB  # of instruments' results in memory
    photos_bytes: int = 64 * MB  # of decoded photos in memory; reading one again takes some 20 ms
    photos_asked: int = 200  # that one question may name, and
    photos_asked_bytes: int = 1024 * MB  # what they may hold, decoded
    side: int = 2048  # of an image that is made, in pixels
    number: int = 100_000  # the largest of any other whole number that is asked for
    networks: int = 4  # networks open at once; those given in Python don't count
    clients: int = 256  # pages that are open at once
    streams: int = 4  # of events, of one page: a tab that was copied has its name
    jobs_of_client: int = 24  # waiting or running
    jobs: int = 400  # of all pages together
    finished_jobs: int = 100  # whose last result is remembered
    grace_seconds: float = 8.0  # after a page is gone until its jobs end
    send_seconds: float = 30.0  # that a client may take to read what it is sent
    frames_a_second: float = 12.0  # of a synthesis that are sent
    map_values: int = 4_000_000  # of a layer that are sent to the page; larger maps are averaged down
    listed: int = 500  # images a page of the list
