"""A board behind a PTY: prints a JSON line twice a second, as firmware does on its serial port.

`board.py LINK` makes LINK a symbolic link to the port. Commands come line by line on standard input: `temp 91.5`, or
`print TEXT` for a line of its own. Ends with its input.
"""

import fcntl
import json
import os
import select
import sys
import termios
import time
import tty

INTERVAL = 0.5
# A UART keeps no more than its buffer for a host that is not there.
BUFFER = 256


def main():
    link = sys.argv[1]
    board, port = os.openpty()
    tty.setraw(port)
    os.set_blocking(board, False)
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(os.ttyname(port), link)
    print(f"board at {link}", flush=True)
    try:
        serve(board, port)
    finally:
        os.unlink(link)


def serve(board, port):
    temperature, due, pending = 61.0, time.monotonic(), ""
    while True:
        readable, _, _ = select.select([0, board], [], [], max(0.0, due - time.monotonic()))
        if board in readable:
            os.read(board, 4096)  # what the host writes; this board does not listen
        if 0 in readable:
            read = os.read(0, 4096).decode()
            if not read:
                return
            *lines, pending = (pending + read).split("\n")
            for line in lines:
                word, _, rest = line.partition(" ")
                if word == "temp":
                    temperature = float(rest)
                elif word == "print":
                    send(board, port, rest)
        if time.monotonic() >= due:
            due = time.monotonic() + INTERVAL
            send(board, port, telemetry(temperature))


def telemetry(temperature):
    return json.dumps({"temp_c": temperature, "heap_free": 81234, "heap_total": 327680, "tok_s": 12.5})


def send(board, port, text):
    # A killed host leaves its exclusive mark on the port as long as anyone has it open, and here this process has.
    fcntl.ioctl(port, termios.TIOCNXCL)
    unread = int.from_bytes(fcntl.ioctl(port, termios.FIONREAD, b"\0" * 4), sys.byteorder)
    if unread > BUFFER:
        termios.tcflush(port, termios.TCIFLUSH)
    try:
        os.write(board, (text + "\r\n").encode())
    except BlockingIOError:
        pass


if __name__ == "__main__":
    main()
