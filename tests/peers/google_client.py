"""Google's own Python client against the stand-in: what it would not believe is not Google Calendar.

Arguments: the stand-in's URL, a file with a service account's key, its subject, and a refresh token.
"""

import json
import sys

import google.oauth2.credentials
import google.oauth2.service_account
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

URL, KEY_FILE, SUBJECT, REFRESH_TOKEN, CLIENT_ID, CLIENT_SECRET = sys.argv[1:]
SCOPES = ["https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/calendar.freebusy"]


def service(credentials):
    return build(
        "calendar",
        "v3",
        credentials=credentials,
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": f"{URL}/calendar/v3/"},
    )


def refused(call, status, reason):
    try:
        call()
    except HttpError as error:
        told = json.loads(error.content)["error"]["errors"][0]["reason"]
        assert (error.resp.status, told) == (status, reason), (error.resp.status, told, "and not", status, reason)
    else:
        raise AssertionError(f"not refused with {status} {reason}")


def event(**more):
    times = {"start": {"dateTime": "2027-01-05T14:00:00-05:00"}, "end": {"dateTime": "2027-01-05T14:30:00-05:00"}}
    return {"summary": "Appointment", **times, **more}


# Both grants; and a grant that is none.
account = google.oauth2.service_account.Credentials.from_service_account_file(KEY_FILE, scopes=SCOPES, subject=SUBJECT)
account.refresh(Request())
person = google.oauth2.credentials.Credentials(
    None, refresh_token=REFRESH_TOKEN, token_uri=f"{URL}/token", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
)
person.refresh(Request())
try:
    google.oauth2.credentials.Credentials(
        None, refresh_token="1//0nonsense", token_uri=f"{URL}/token", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    ).refresh(Request())
except RefreshError as error:
    assert error.args[1]["error"] == "invalid_grant", error
else:
    raise AssertionError("a refresh token that is nobody's was taken")
try:
    account.with_subject("stranger@clinic.example").refresh(Request())
except RefreshError as error:
    assert error.args[1]["error"] == "unauthorized_client", error
else:
    raise AssertionError("an account acts for whom it must not")

events = service(account).events()
mine = {"calendarId": SUBJECT}

# Ids: the alphabet, and once each, also after a deletion.
refused(lambda: events.insert(body=event(id="UPPER"), **mine).execute(), 400, "invalid")
refused(lambda: events.insert(body=event(id="wxyz0"), **mine).execute(), 400, "invalid")
made = events.insert(body=event(id="appt00001", extendedProperties={"private": {"k": "1", "j": "2"}}), **mine).execute()
assert made["id"] == "appt00001" and made["status"] == "confirmed" and made["etag"], made
refused(lambda: events.insert(body=event(id="appt00001"), **mine).execute(), 409, "duplicate")
unnamed = events.insert(body=event(), **mine).execute()
assert unnamed["id"] != made["id"]
refused(lambda: events.insert(body={"id": "appt00002", "start": event()["start"]}, **mine).execute(), 400, "required")
backwards = event(end={"dateTime": "2027-01-05T13:00:00-05:00"})
refused(lambda: events.insert(body=backwards, **mine).execute(), 400, "timeRangeEmpty")

# A patch merges, and only into what is still as it was; an update replaces.
patch = events.patch(eventId="appt00001", body={"extendedProperties": {"private": {"k": "3", "j": None}}}, **mine)
patched = patch.execute()
assert patched["extendedProperties"]["private"] == {"k": "3"} and patched["etag"] != made["etag"], patched
stale = events.patch(eventId="appt00001", body={"summary": "No"}, **mine)
stale.headers["If-Match"] = made["etag"]
refused(stale.execute, 412, "conditionNotMet")
good = events.patch(eventId="appt00001", body={"summary": "Yes"}, **mine)
good.headers["If-Match"] = patched["etag"]
assert good.execute()["summary"] == "Yes"
replaced = events.update(eventId="appt00001", body=event(location="Elm Street"), **mine).execute()
assert "extendedProperties" not in replaced and replaced["location"] == "Elm Street", replaced
assert events.get(eventId="appt00001", **mine).execute()["etag"] == replaced["etag"]
refused(lambda: events.get(eventId="nobody00", **mine).execute(), 404, "notFound")

# Lists, by page, by property, and what changed since.
events.insert(body=event(id="appt00003", extendedProperties={"private": {"bk": "x"}}), **mine).execute()
found = events.list(privateExtendedProperty="bk=x", **mine).execute()
assert [item["id"] for item in found["items"]] == ["appt00003"], found
page = events.list(maxResults=1, **mine).execute()
assert "nextSyncToken" not in page and page["nextPageToken"]
seen, request = [], events.list(maxResults=1, **mine)
while request is not None:
    page = request.execute()
    seen += page["items"]
    request = events.list_next(request, page)
assert len(seen) == 3 and page["nextSyncToken"], seen
token = page["nextSyncToken"]
events.delete(eventId="appt00003", **mine).execute()
changed = events.list(syncToken=token, **mine).execute()
assert [(item["id"], item["status"]) for item in changed["items"]] == [("appt00003", "cancelled")], changed
refused(lambda: events.list(syncToken=token, privateExtendedProperty="bk=x", **mine).execute(), 400, "invalid")
refused(lambda: events.list(syncToken="999999", **mine).execute(), 410, "fullSyncRequired")

# Deleted is deleted, and its id is used up.
refused(lambda: events.delete(eventId="appt00003", **mine).execute(), 410, "deleted")
refused(lambda: events.delete(eventId="nobody00", **mine).execute(), 404, "notFound")
refused(lambda: events.insert(body=event(id="appt00003"), **mine).execute(), 409, "duplicate")
assert events.get(eventId="appt00003", **mine).execute()["status"] == "cancelled"
refused(lambda: events.patch(eventId="appt00003", body={"summary": "x"}, **mine).execute(), 403, "forbidden")

# When somebody is busy.
asked = {"timeMin": "2027-01-05T00:00:00Z", "timeMax": "2027-01-06T00:00:00Z"}
busy = service(account).freebusy().query(body={**asked, "items": [{"id": SUBJECT}, {"id": "x@y.example"}]}).execute()
assert busy["calendars"][SUBJECT]["busy"] == [{"start": "2027-01-05T19:00:00Z", "end": "2027-01-05T19:30:00Z"}], busy
assert busy["calendars"]["x@y.example"]["errors"][0]["reason"] == "notFound", busy
long = {**asked, "timeMax": "2027-12-01T00:00:00Z", "items": []}
refused(lambda: service(account).freebusy().query(body=long).execute(), 400, "timeRangeTooLong")

# Somebody else's calendar is not there.
refused(lambda: service(person).events().list(calendarId=SUBJECT).execute(), 404, "notFound")
assert service(person).events().list(calendarId="primary").execute()["accessRole"] == "owner"

print("satisfied")
