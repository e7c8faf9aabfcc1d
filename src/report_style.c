/*-------------------------------------------------------------------------
 *
 * report_style.c
 *	  The style sheet of a report.
 *
 * The page has light and dark colours, and black on white when it is printed.
 * All text has a contrast of at least 4.5 to what is behind it (WCAG 2, AA);
 * a test computes it from the pairs --NAME and --on-NAME.
 *
 * IDENTIFICATION
 *	  src/report_style.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "report.h"

#define LIGHT \
	"--page:#ffffff;--on-page:#1c2128;--panel:#f3f5f8;--on-panel:#1c2128;" \
	"--quiet:#ffffff;--on-quiet:#545d68;--line:#868f99;" \
	"--error:#fbe4e4;--on-error:#8a1116;--warning:#fdf0cf;--on-warning:#6b4700;" \
	"--note:#e1ecfb;--on-note:#12458c;--good:#dff3e2;--on-good:#14572a;"

#define DARK \
	"--page:#12161c;--on-page:#e4e8ed;--panel:#1d232b;--on-panel:#e4e8ed;" \
	"--quiet:#12161c;--on-quiet:#a3adb8;--line:#6b7582;" \
	"--error:#4a1619;--on-error:#ffc9c9;--warning:#43310a;--on-warning:#ffdf94;" \
	"--note:#14305a;--on-note:#c4dcff;--good:#123d20;--on-good:#b8efc6;"

/* The text between <style> and </style>. */
const char *const smig_report_style =
":root{color-scheme:light dark;" LIGHT "}\n"
"@media (prefers-color-scheme:dark){:root{" DARK "}}\n"
"*{box-sizing:border-box}\n"
"body{margin:0 auto;max-width:76rem;padding:1rem 1.5rem 3rem;"
"background:var(--page);color:var(--on-page);"
"font:1rem/1.5 system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif}\n"
"h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}\n"
"h2{font-size:1.25rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}\n"
"h3{font-size:1.05rem;margin:1.5rem 0 .25rem}\n"
"p{margin:.4rem 0}\n"
"a{color:var(--on-note)}\n"
"a:focus-visible,.scroll:focus-visible,summary:focus-visible"
"{outline:3px solid var(--on-note);outline-offset:2px}\n"
"nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.5rem 0;padding:0}\n"
"code,pre,svg text{font-family:ui-monospace,\"DejaVu Sans Mono\",Consolas,monospace;font-size:.875rem}\n"
"pre{margin:.25rem 0;padding:.5rem .75rem;white-space:pre-wrap;overflow-wrap:anywhere;"
"background:var(--panel);color:var(--on-panel);border-radius:.25rem}\n"
".quiet{color:var(--on-quiet)}\n"
".id{font-family:ui-monospace,\"DejaVu Sans Mono\",Consolas,monospace;overflow-wrap:anywhere}\n"
".scroll{overflow-x:auto;margin:.5rem 0}\n"
"table{border-collapse:collapse;width:100%;font-size:.9375rem}\n"
"caption{text-align:left;color:var(--on-quiet);padding:.25rem 0}\n"
"th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border:1px solid var(--line)}\n"
"th{background:var(--panel);color:var(--on-panel)}\n"
"td pre{min-width:18rem}\n"
"ul.plain{list-style:none;margin:0;padding:0}\n"
"ul.plain>li+li{margin-top:.5rem}\n"
".badge{display:inline-block;border-radius:.25rem;padding:0 .4rem;font-weight:600;"
"background:var(--panel);color:var(--on-panel);border:1px solid currentColor}\n"
".error{background:var(--error);color:var(--on-error)}\n"
".warning{background:var(--warning);color:var(--on-warning)}\n"
".note{background:var(--note);color:var(--on-note)}\n"
".good{background:var(--good);color:var(--on-good)}\n"
".summary{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;padding:0}\n"
"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.5rem 0}\n"
"dt{color:var(--on-quiet)}dd{margin:0;overflow-wrap:anywhere}\n"
"svg text{fill:var(--on-page)}svg text.planned{font-weight:700}\n"
".edge{fill:none;stroke:var(--line);stroke-width:2}.dotted{stroke-dasharray:2 4}\n"
".mark{stroke:var(--on-page);stroke-width:2;fill:var(--page)}\n"
".mark.applied,.mark.current{fill:var(--on-good);stroke:var(--on-good)}\n"
".mark.partial{fill:var(--warning);stroke:var(--on-warning)}\n"
".ring{fill:none;stroke:var(--on-good);stroke-width:2}\n"
"@media print{:root{color-scheme:light;" LIGHT "}"
"body{max-width:none;padding:0;font-size:9pt}nav{display:none}"
".scroll{overflow:visible}pre,tr,svg{break-inside:avoid}"
"thead{display:table-header-group}}\n";
