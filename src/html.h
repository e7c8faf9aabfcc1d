/*-------------------------------------------------------------------------
 *
 * html.h
 *	  Writing HTML in which no text can become markup.
 *
 * IDENTIFICATION
 *	  src/html.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_HTML_H
#define SMIG_HTML_H

#include "lib/stringinfo.h"

extern void smig_html_put(StringInfo out, const char *format,...)
			pg_attribute_printf(2, 3);
extern void smig_html_text(StringInfo out, const char *text);

#endif							/* SMIG_HTML_H */
