"""Who is reached by alerts, and when nobody is: contact points and the maintenance calendar."""
