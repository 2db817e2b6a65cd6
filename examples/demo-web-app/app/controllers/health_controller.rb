# What the load balancer asks: can this machine answer, and read its database?
class HealthController < ApplicationController
  def show
    Note.connection.select_value("SELECT 1")
    render plain: "ok"
  end
end
