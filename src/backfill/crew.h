/*-------------------------------------------------------------------------
 *
 * crew.h
 *	  The helpers of a backfill.
 *
 * IDENTIFICATION
 *	  src/backfill/crew.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_CREW_H
#define SMIG_CREW_H

typedef struct SmigCrew SmigCrew;

extern SmigCrew *smig_crew_create(int64 backfill);
extern void smig_crew_turn_to(SmigCrew *crew, int64 backfill);
extern void smig_crew_fill(SmigCrew *crew, int helpers);
extern char *smig_crew_keep_snapshot(SmigCrew *crew);
extern void smig_crew_drop_snapshot(SmigCrew *crew);
extern void smig_crew_check(SmigCrew *crew);
extern bool smig_crew_wait(SmigCrew *crew);
extern void smig_crew_stop(SmigCrew *crew);

#endif							/* SMIG_CREW_H */
