"""A bounded probe of a host: does it answer one HTTP request in time?"""

import threading


def probe(url: str, seconds: float, content: bytes | None = None) -> str:
    """Send one request; return why there is no answer, or an empty string if there is one.

    Every HTTP status is an answer. The request runs in a thread, because name resolution has no
    time limit of its own.

    Args:
        url: http or https.
        seconds: time limit for everything.
        content: JSON to post; None for a HEAD request.
    """
    reasons = [f"no answer within {seconds:g} s"]

    def ask() -> None:
        reasons[:] = [request(url, 2 * seconds, content)]  # the join below is the limit

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return reasons[0]


def request(url: str, seconds: float, content: bytes | None = None) -> str:
    """Send one request without a limit for name resolution; see probe."""
    import ssl
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    method, headers = ("POST", {"Content-Type": "application/json"}) if content else ("HEAD", {})
    try:
        urlopen(Request(url, content, headers, method=method), timeout=seconds).close()
    except HTTPError:
        return ""
    except URLError as error:  # the client may know a certificate that Python does not
        return "" if isinstance(error.reason, ssl.SSLError) else str(error.reason)
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    return ""
