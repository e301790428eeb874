// The pages' Content-Security-Policy allows no style elements, and what htmx would add is in desk.css.
htmx.config.includeIndicatorStyles = false;
