Rails.application.routes.draw do
  root "notes#index"
  resources :notes, only: %i[index create]
  get "up", to: "health#show"
end
