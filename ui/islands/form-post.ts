// Sends the answer of response_mode=form_post on to the app (OAuth 2.0 Form Post Response Mode §2).

document.querySelector<HTMLFormElement>("form#answer")?.submit();
