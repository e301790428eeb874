// ReDoc, of this server's schema.
/* global Redoc */
const place = document.getElementById("redoc");
Redoc.init(place.dataset.schema, {}, place);
