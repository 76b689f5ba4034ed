/** Test files on real hosts that run side by side: most of their time is waiting for hosts, and two cores carry two. */
export const workers = 2
