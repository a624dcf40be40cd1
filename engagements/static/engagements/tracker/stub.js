// The snippet: records calls until journey.js has arrived. Put it before anything that calls it.
window.journey = window.journey || function () { (window.journey.q = window.journey.q || []).push(arguments); };
